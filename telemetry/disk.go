package telemetry

import (
	"math"
	"path/filepath"
	"slices"

	"blaze/telemetry/system"
)

// diskFull is the share, in percent, from which a file system that Blaze writes to counts as degraded; the preset alert
// blaze-disk has the same.
const diskFull = 90

// DiskState is one file system in /health/detailed.
type DiskState struct {
	Path        string   `json:"path"`
	For         []string `json:"for"` // what is written there: work, access_log, audit, history
	UsedPercent float64  `json:"used_percent"`
	FreeBytes   uint64   `json:"free_bytes"`
}

// disks are the folders that something is written to. Where that cannot be told, there is no check.
func (t *Telemetry) disks() []Check {
	var list []DiskState
	note := func(what, file string) {
		dir := "."
		if file != "" {
			dir = filepath.Dir(file)
		} else if what != "work" {
			return
		}
		if i := slices.IndexFunc(list, func(d DiskState) bool { return d.Path == dir }); i >= 0 {
			list[i].For = append(list[i].For, what)
			return
		}
		if used, free, ok := system.Disk(dir); ok {
			list = append(list, DiskState{Path: dir, For: []string{what}, UsedPercent: math.Round(10*used) / 10, FreeBytes: free})
		}
	}
	note("work", "")
	t.mu.Lock()
	history := t.pastPath
	if t.accessFile != nil {
		note("access_log", t.accessFile.path)
	}
	t.mu.Unlock()
	if a := t.audit.target.Load(); a != nil {
		note("audit", a.config.Path)
	}
	note("history", history)
	if len(list) == 0 {
		return nil
	}
	return []Check{{Name: "disk", Status: diskStatus(list), Detail: list}}
}

func diskStatus(list []DiskState) string {
	for _, d := range list {
		if d.UsedPercent >= diskFull {
			return StatusDegraded
		}
	}
	return StatusOK
}
