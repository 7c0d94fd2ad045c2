//go:build linux || darwin || freebsd

package system

import "syscall"

// Disk says how full the file system of a file or folder is, as df counts, and how many bytes are free; ok is false where
// that cannot be told.
func Disk(path string) (percent float64, free uint64, ok bool) {
	var fs syscall.Statfs_t
	if syscall.Statfs(path, &fs) != nil || fs.Blocks == 0 {
		return 0, 0, false
	}
	used := fs.Blocks - fs.Bfree
	if used+fs.Bavail == 0 {
		return 0, 0, false
	}
	return 100 * float64(used) / float64(used+fs.Bavail), fs.Bavail * uint64(fs.Bsize), true
}
