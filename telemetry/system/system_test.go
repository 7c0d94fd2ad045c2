package system_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"blaze/telemetry/system"
)

// machine is a file system with the files of /proc and /sys that a test says.
type machine struct {
	t    *testing.T
	root string
	now  time.Time
}

func newMachine(t *testing.T) *machine {
	m := &machine{t: t, root: t.TempDir(), now: time.Unix(1000, 0)}
	m.put("proc/self/cgroup", "0::/\n")
	m.put("proc/self/mountinfo", "36 31 0:41 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n")
	return m
}

func (m *machine) put(path, text string) {
	m.t.Helper()
	full := filepath.Join(m.root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) monitor() *system.Monitor {
	return system.New(m.root, func() time.Time { return m.now })
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-6 {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestHost(t *testing.T) {
	m := newMachine(t)
	m.put("proc/stat", "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 1 1 1\n")
	m.put("proc/meminfo", "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    250 kB\n")
	m.put("proc/loadavg", "1.50 1.00 0.50 1/100 1234\n")
	m.put("proc/net/dev", "Inter-| x\n face |bytes\n    lo: 99 0 0 0 0 0 0 0 99 0 0 0 0 0 0 0\n  eth0: 10 0 0 0 0 0 0 0 20 0 0 0 0 0 0 0\n  eth1:1 0 0 0 0 0 0 0 2 0 0 0 0 0 0 0\n")
	m.put("proc/diskstats", "8 0 sda 1 0 10 0 1 0 20 0 0 0 0\n8 1 sda1 1 0 10 0 1 0 20 0 0 0 0\n7 0 loop0 1 0 9 0 1 0 9 0 0 0 0\n")
	m.put("sys/block/sda/stat", "")
	m.put("proc/pressure/cpu", "some avg10=3.18 avg60=9.28 avg300=12.48 total=164245695\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")
	mon := m.monitor()
	s := mon.Stats()
	near(t, "first CPU", s.Host.CPUPercent, -1)
	near(t, "memory", s.Host.MemoryPercent, 75)
	near(t, "memory used", s.Host.MemoryUsed, 750*1024)
	near(t, "load", s.Load1, 1.5)
	near(t, "network in", s.NetworkIn, 11)
	near(t, "network out", s.NetworkOut, 22)
	near(t, "disk read", s.DiskRead, 5120)
	near(t, "disk written", s.DiskWritten, 10240)
	near(t, "pressure", s.Pressure["cpu"], 3.18)
	if _, there := s.Pressure["io"]; there || s.Container != nil {
		t.Errorf("made up what was not there: %+v", s)
	}
	m.put("proc/stat", "cpu  130 0 120 740 110 0 0 0 0 0\n") // 100 ticks later, 50 of them busy
	m.now = m.now.Add(time.Second)
	near(t, "CPU within two seconds", mon.Stats().Host.CPUPercent, -1)
	m.now = m.now.Add(time.Second)
	near(t, "CPU", mon.Stats().Host.CPUPercent, 50)
}

func TestContainer(t *testing.T) {
	m := newMachine(t)
	const dir = "sys/fs/cgroup/"
	m.put(dir+"memory.current", "900\n")
	m.put(dir+"memory.max", "1000\n")
	m.put(dir+"memory.stat", "anon 400\ninactive_file 300\n")
	m.put(dir+"cpu.max", "50000 100000\n")
	m.put(dir+"cpu.stat", "usage_usec 1000000\nnr_periods 100\nnr_throttled 10\n")
	mon := m.monitor()
	c := mon.Stats().Container
	if c == nil {
		t.Fatal("no container")
	}
	near(t, "memory", c.MemoryPercent, 60)
	near(t, "memory used", c.MemoryUsed, 600)
	m.put(dir+"cpu.stat", "usage_usec 2000000\nnr_periods 200\nnr_throttled 35\n") // a second of CPU in four, of half a CPU
	m.now = m.now.Add(4 * time.Second)
	s := mon.Stats()
	near(t, "CPU", s.Container.CPUPercent, 50)
	near(t, "throttled", s.Throttled, 25)
	m.put(dir+"memory.max", "max\n")
	m.now = m.now.Add(4 * time.Second)
	near(t, "memory without a limit", mon.Stats().Container.MemoryPercent, -1)
}

func TestCgroupPath(t *testing.T) {
	f := func(own string, want float64) {
		t.Helper()
		m := newMachine(t)
		m.put("proc/self/cgroup", "0::"+own+"\n")
		m.put("sys/fs/cgroup/memory.current", "1\n")
		m.put("sys/fs/cgroup/pod/blaze/cgroup.controllers", "cpu memory\n")
		m.put("sys/fs/cgroup/pod/blaze/memory.current", "2\n")
		c := m.monitor().Stats().Container
		if c == nil {
			t.Fatalf("%s: no container", own)
		}
		near(t, own, c.MemoryUsed, want)
	}
	f("/", 1)
	f("/pod/blaze", 2)
	f("/../../another/namespace", 1)
}

// A machine that tells nothing is no trouble, and neither is nonsense.
func TestMachineThatTellsNothing(t *testing.T) {
	s := system.New(t.TempDir(), time.Now).Stats()
	if s.Host.CPUPercent != -1 || s.Host.MemoryPercent != -1 || s.Container != nil || s.Throttled != -1 {
		t.Errorf("got %+v", s)
	}
	m := newMachine(t)
	for _, path := range []string{"proc/stat", "proc/meminfo", "proc/net/dev", "proc/diskstats", "proc/loadavg", "proc/pressure/cpu", "proc/self/cgroup", "proc/self/mountinfo"} {
		m.put(path, "cpu : x\n: :\ncpu\nsome avg10\n0::\nMemTotal:\n - cgroup2 \n")
	}
	m.monitor().Stats()
}

func TestThisMachine(t *testing.T) {
	if _, err := os.Stat("/proc/meminfo"); err != nil {
		t.Skip("no /proc here")
	}
	s := system.New("", time.Now).Stats()
	if s.Host.MemoryLimit <= 0 || s.Host.MemoryPercent <= 0 || s.Host.MemoryPercent > 100 || s.DiskPercent < 0 || s.DiskPercent > 100 {
		t.Errorf("got %+v", s)
	}
}
