//go:build linux || darwin || freebsd

package system

import "syscall"

func diskPercent() float64 {
	var fs syscall.Statfs_t
	if syscall.Statfs(".", &fs) != nil || fs.Blocks == 0 {
		return -1
	}
	used := fs.Blocks - fs.Bfree
	if used+fs.Bavail == 0 {
		return -1
	}
	return 100 * float64(used) / float64(used+fs.Bavail) // as df counts
}
