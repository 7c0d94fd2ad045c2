package telemetry

import (
	"math"
	"runtime/metrics"

	"blaze/telemetry/system"
)

// registerMachine makes the metrics of the machine, the container and the process, where there are any.
func (t *Telemetry) registerMachine(m *system.Monitor) {
	gauge := func(name string, f func(system.Stats) float64, labels ...string) {
		if v := f(m.Stats()); v < 0 {
			return
		}
		t.Metrics.Gauge(name, func() float64 { return max(f(m.Stats()), 0) }, labels...)
	}
	scope := func(name string, of func(system.Stats) system.Scope) {
		t.Metrics.Gauge("blaze_system_cpu_percent", func() float64 { return max(of(m.Stats()).CPUPercent, 0) }, name)
		gauge("blaze_system_memory_bytes", func(s system.Stats) float64 { return of(s).MemoryUsed }, name)
		gauge("blaze_system_memory_percent", func(s system.Stats) float64 { return of(s).MemoryPercent }, name)
		if of(m.Stats()).MemoryLimit > 0 {
			gauge("blaze_system_memory_limit_bytes", func(s system.Stats) float64 { return of(s).MemoryLimit }, name)
		}
	}
	first := m.Stats()
	scope("host", func(s system.Stats) system.Scope { return s.Host })
	if first.Container != nil {
		scope("container", func(s system.Stats) system.Scope {
			if s.Container == nil {
				return system.Scope{}
			}
			return *s.Container
		})
		t.Metrics.Gauge("blaze_system_cpu_throttled_percent", func() float64 { return max(m.Stats().Throttled, 0) })
	}
	gauge("blaze_system_disk_percent", func(s system.Stats) float64 { return s.DiskPercent })
	gauge("blaze_system_load1", func(s system.Stats) float64 { return s.Load1 })
	for resource := range first.Pressure {
		gauge("blaze_system_pressure_percent", func(s system.Stats) float64 { return s.Pressure[resource] }, resource)
	}
	count := func(name, direction string, f func(system.Stats) float64) {
		t.Metrics.counterFunc(name, func() float64 { return f(m.Stats()) }, direction)
	}
	count("blaze_system_network_bytes_total", "in", func(s system.Stats) float64 { return s.NetworkIn })
	count("blaze_system_network_bytes_total", "out", func(s system.Stats) float64 { return s.NetworkOut })
	count("blaze_system_disk_bytes_total", "read", func(s system.Stats) float64 { return s.DiskRead })
	count("blaze_system_disk_bytes_total", "written", func(s system.Stats) float64 { return s.DiskWritten })
	t.registerProcess()
}

// registerProcess reads the Go runtime by runtime/metrics, which stops nothing.
func (t *Telemetry) registerProcess() {
	read := func(names ...string) func() []float64 {
		return func() []float64 {
			samples := make([]metrics.Sample, len(names))
			for i, n := range names {
				samples[i].Name = n
			}
			metrics.Read(samples)
			out := make([]float64, len(names))
			for i, s := range samples {
				switch s.Value.Kind() {
				case metrics.KindUint64:
					out[i] = float64(s.Value.Uint64())
				case metrics.KindFloat64:
					out[i] = s.Value.Float64()
				}
			}
			return out
		}
	}
	memory := read("/memory/classes/total:bytes", "/memory/classes/heap/released:bytes")
	heap, goroutines := read("/memory/classes/heap/objects:bytes"), read("/sched/goroutines:goroutines")
	cpu, limit := read("/cpu/classes/gc/total:cpu-seconds", "/cpu/classes/total:cpu-seconds"), read("/gc/gomemlimit:bytes")
	t.Metrics.Gauge("blaze_process_memory_bytes", func() float64 { v := memory(); return v[0] - v[1] })
	t.Metrics.Gauge("blaze_process_heap_bytes", func() float64 { return heap()[0] })
	t.Metrics.Gauge("blaze_process_goroutines", func() float64 { return goroutines()[0] })
	t.Metrics.Gauge("blaze_process_gc_cpu_percent", func() float64 { v := cpu(); return 100 * v[0] / max(v[1], 1e-9) })
	if limit()[0] < math.MaxInt64 {
		t.Metrics.Gauge("blaze_process_memory_limit_bytes", func() float64 { return limit()[0] })
	}
}
