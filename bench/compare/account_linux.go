package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// cpu is how long the process's threads have run, in microseconds, by the kernel's own account (proc(5), schedstat).
func (p *process) cpu() (total float64) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	for _, f := range files {
		var ns int64
		if b, err := os.ReadFile(f); err == nil {
			_, _ = fmt.Sscan(string(b), &ns)
		}
		total += float64(ns) / 1e3
	}
	return total
}

// rss is the process's resident memory in MiB.
func (p *process) rss() float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	for line := range strings.Lines(string(b)) {
		var kib float64
		if _, err := fmt.Sscanf(line, "VmRSS: %f kB", &kib); err == nil {
			return kib / 1024
		}
	}
	return 0
}

// startPinned starts cmd on the cores of a mask: a child has the affinity of the thread that started it.
func startPinned(cmd *exec.Cmd, mask uint64) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := affinity(syscall.SYS_SCHED_GETAFFINITY, 0)
	affinity(syscall.SYS_SCHED_SETAFFINITY, mask)
	defer affinity(syscall.SYS_SCHED_SETAFFINITY, before)
	return cmd.Start()
}

// pinSelf moves every thread of this process to the cores of a mask; threads that come later are started by one of these.
func pinSelf(mask uint64) {
	tasks, _ := os.ReadDir("/proc/self/task")
	for _, t := range tasks {
		var tid int
		if _, err := fmt.Sscan(t.Name(), &tid); err == nil {
			_, _, _ = syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, uintptr(tid), unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
		}
	}
}

// affinity gets or sets the calling thread's cores, of the first 64.
func affinity(call uintptr, mask uint64) uint64 {
	_, _, _ = syscall.RawSyscall(call, 0, unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
	return mask
}

// sleepUntil sleeps in the kernel: the runtime's timers are up to a millisecond late, more than what is measured.
func sleepUntil(t time.Time) {
	for d := time.Until(t); d > 0; d = time.Until(t) {
		ts := syscall.NsecToTimespec(int64(d))
		_ = syscall.Nanosleep(&ts, nil)
	}
}
