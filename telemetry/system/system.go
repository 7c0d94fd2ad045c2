// Package system reads how the machine and the container do: CPU, memory, disk and network, from /proc and cgroup v2.
// What a machine does not tell (another system, no cgroup) is left out, never guessed.
package system

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// fresh is how long a reading holds: percentages need a while between two readings to mean something.
const fresh = 2 * time.Second

// Scope is a machine or a container.
type Scope struct {
	CPUPercent    float64 // of the CPUs it may use, since the last reading; -1 unknown
	MemoryUsed    float64 // bytes that cannot be taken back at will
	MemoryLimit   float64 // bytes; 0 is none
	MemoryPercent float64 // -1 unknown
}

// Stats is one reading.
type Stats struct {
	Host Scope
	// Container is the cgroup v2 that the process is in; nil when there is none with limits or accounts of its own.
	Container *Scope
	// Throttled is the share of the container's scheduling periods in which it was held back, in percent; -1 unknown.
	Throttled float64
	// Pressure is how much of the last ten seconds some task waited for cpu, memory or io, in percent (PSI).
	Pressure map[string]float64
	// Since boot: bytes over all interfaces but loopback, and over all disks.
	NetworkIn, NetworkOut, DiskRead, DiskWritten float64
	// DiskPercent is how full the file system of the working directory is; -1 unknown.
	DiskPercent float64
	Load1       float64
}

// Monitor reads the system, at most every two seconds.
type Monitor struct {
	root string // of the file system, for tests
	now  func() time.Time

	mu   sync.Mutex
	at   time.Time // guarded by mu
	last Stats     // guarded by mu
	prev counters  // guarded by mu
}

// counters are what percentages are differences of.
type counters struct {
	at                time.Time
	busy, total       float64 // host CPU, ticks
	usage             float64 // container CPU, seconds
	periods, heldBack float64
}

// New reads below root ("/" when empty).
func New(root string, now func() time.Time) *Monitor {
	if root == "" {
		root = "/"
	}
	return &Monitor{root: root, now: now}
}

// Stats is the last reading, or a new one when it is older than two seconds.
func (m *Monitor) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if now.Sub(m.at) >= fresh || m.at.IsZero() {
		m.at = now
		m.last = m.readLocked(now)
	}
	return m.last
}

func (m *Monitor) readLocked(now time.Time) Stats {
	s := Stats{Throttled: -1, DiskPercent: -1, Pressure: map[string]float64{}}
	cur := counters{at: now}
	s.Host = m.host(&cur)
	s.Container = m.container(&cur, &s)
	s.NetworkIn, s.NetworkOut = m.network()
	if percent, _, ok := Disk("."); ok {
		s.DiskPercent = percent
	}
	s.DiskRead, s.DiskWritten = m.disks()
	if f := strings.Fields(m.read("proc/loadavg")); len(f) > 0 {
		s.Load1 = number(f[0])
	}
	for _, resource := range [...]string{"cpu", "memory", "io"} {
		if v, ok := pressure(m.read("proc/pressure/" + resource)); ok {
			s.Pressure[resource] = v
		}
	}
	m.prev = cur
	return s
}

func (m *Monitor) host(cur *counters) Scope {
	s := Scope{CPUPercent: -1, MemoryPercent: -1}
	if f := strings.Fields(line(m.read("proc/stat"), "cpu ")); len(f) >= 5 {
		for i, v := range f[1:min(len(f), 9)] { // guest time is in user time already
			cur.total += number(v)
			if i != 3 && i != 4 { // idle, iowait
				cur.busy += number(v)
			}
		}
		if d := cur.total - m.prev.total; m.prev.total > 0 && d > 0 {
			s.CPUPercent = 100 * (cur.busy - m.prev.busy) / d
		}
	}
	info := m.read("proc/meminfo")
	total, available := kilobytes(info, "MemTotal:"), kilobytes(info, "MemAvailable:")
	if total > 0 {
		s.MemoryLimit, s.MemoryUsed = total, total-available
		s.MemoryPercent = 100 * s.MemoryUsed / total
	}
	return s
}

// network adds up the interfaces of /proc/net/dev.
func (m *Monitor) network() (in, out float64) {
	for l := range strings.Lines(m.read("proc/net/dev")) {
		name, rest, ok := strings.Cut(strings.TrimSpace(l), ":")
		f := strings.Fields(rest)
		if !ok || name == "lo" || len(f) < 9 {
			continue
		}
		in += number(f[0])
		out += number(f[8])
	}
	return in, out
}

// disks adds up the whole disks of /proc/diskstats; a sector is 512 bytes there whatever the disk says.
func (m *Monitor) disks() (read, written float64) {
	for l := range strings.Lines(m.read("proc/diskstats")) {
		f := strings.Fields(l)
		if len(f) < 10 || skipDisk(m.root, f[2]) {
			continue
		}
		read += 512 * number(f[5])
		written += 512 * number(f[9])
	}
	return read, written
}

// skipDisk leaves out partitions, whose bytes their disk counts, and what is no disk.
func skipDisk(root, name string) bool {
	for _, prefix := range [...]string{"loop", "ram", "zram", "dm-", "md", "sr", "fd"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	_, err := os.Stat(filepath.Join(root, "sys/block", name))
	return err != nil
}

// pressure reads avg10 of the line "some".
func pressure(text string) (float64, bool) {
	_, rest, ok := strings.Cut(line(text, "some "), "avg10=")
	value, _, _ := strings.Cut(rest, " ")
	return number(value), ok
}

func (m *Monitor) read(path string) string {
	b, err := os.ReadFile(filepath.Join(m.root, path))
	if err != nil {
		return ""
	}
	return string(b)
}

// line is the first line of text that begins with prefix.
func line(text, prefix string) string {
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, prefix) {
			return strings.TrimSpace(l)
		}
	}
	return ""
}

func kilobytes(text, field string) float64 {
	f := strings.Fields(line(text, field))
	if len(f) < 2 {
		return 0
	}
	return 1024 * number(f[1])
}

func number(s string) float64 {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil {
		return 0
	}
	return v
}
