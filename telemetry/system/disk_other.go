//go:build !linux && !darwin && !freebsd

package system

// Disk cannot be told here.
func Disk(string) (percent float64, free uint64, ok bool) { return 0, 0, false }
