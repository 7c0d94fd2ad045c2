//go:build !linux

package main

import (
	"os/exec"
	"time"
)

// Elsewhere there is no account of a running process's time: only latencies are real.
func (p *process) cpu() float64 { return 0 }
func (p *process) rss() float64 { return 0 }

func startPinned(cmd *exec.Cmd, _ uint64) error { return cmd.Start() }
func pinSelf(uint64)                            {}
func sleepUntil(t time.Time)                    { time.Sleep(time.Until(t)) }
