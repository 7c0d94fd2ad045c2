package system

import (
	"path"
	"runtime"
	"strings"
)

// container reads the cgroup v2 that the process is in. Inside a container with its own cgroup namespace that is the
// root of the mount.
func (m *Monitor) container(cur *counters, s *Stats) *Scope {
	dir, ok := m.cgroup()
	if !ok {
		return nil
	}
	c := &Scope{CPUPercent: -1, MemoryPercent: -1}
	known := m.containerMemory(dir, c)
	stat := m.read(dir + "/cpu.stat")
	if usage := field(stat, "usage_usec"); usage > 0 {
		known = true
		cur.usage = usage / 1e6
		elapsed := cur.at.Sub(m.prev.at).Seconds()
		if m.prev.usage > 0 && elapsed > 0 {
			c.CPUPercent = 100 * (cur.usage - m.prev.usage) / elapsed / m.cpus(dir)
		}
	}
	cur.periods, cur.heldBack = field(stat, "nr_periods"), field(stat, "nr_throttled")
	if d := cur.periods - m.prev.periods; d > 0 && m.prev.usage > 0 {
		s.Throttled = 100 * (cur.heldBack - m.prev.heldBack) / d
	}
	if !known {
		return nil
	}
	return c
}

// containerMemory counts what cannot be reclaimed at will: the page cache that is not in use is the kernel's to drop.
func (m *Monitor) containerMemory(dir string, c *Scope) bool {
	current := number(m.read(dir + "/memory.current"))
	if current == 0 {
		return false
	}
	c.MemoryUsed = max(current-field(m.read(dir+"/memory.stat"), "inactive_file"), 0)
	if limit := number(m.read(dir + "/memory.max")); limit > 0 { // "max" reads as 0
		c.MemoryLimit = limit
		c.MemoryPercent = 100 * c.MemoryUsed / limit
	}
	return true
}

// cpus is how many CPUs the container may use: its quota, or all there are.
func (m *Monitor) cpus(dir string) float64 {
	f := strings.Fields(m.read(dir + "/cpu.max"))
	if len(f) == 2 && f[0] != "max" && number(f[1]) > 0 {
		return number(f[0]) / number(f[1])
	}
	return float64(runtime.NumCPU())
}

// cgroup finds the directory of the process's cgroup v2 below the root.
func (m *Monitor) cgroup() (string, bool) {
	rel, ok := strings.CutPrefix(line(m.read("proc/self/cgroup"), "0::"), "0::")
	if !ok {
		return "", false
	}
	for l := range strings.Lines(m.read("proc/self/mountinfo")) {
		before, after, _ := strings.Cut(l, " - ")
		f := strings.Fields(before)
		if len(f) < 5 || !strings.HasPrefix(after, "cgroup2 ") {
			continue
		}
		mount := strings.TrimPrefix(f[4], "/")
		if dir := path.Join(mount, rel); m.read(dir+"/cgroup.controllers") != "" {
			return dir, true
		}
		return mount, true // the path is another namespace's
	}
	return "", false
}

// field is a number of a file of "name number" lines.
func field(text, name string) float64 {
	f := strings.Fields(line(text, name+" "))
	if len(f) < 2 {
		return 0
	}
	return number(f[1])
}
