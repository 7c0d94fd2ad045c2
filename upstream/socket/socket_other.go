//go:build !linux

// Package socket is what package net has no words for. Here it has none either: what it offers on Linux is done without.
package socket

import "net"

// Socket cannot look at a connection here without reading from it; a short idle time has to do.
type Socket struct{}

// Bind does nothing.
func (*Socket) Bind(net.Conn) {}

// Bound reports that Exchange cannot be used.
func (*Socket) Bound() bool { return false }

// Stale cannot be told.
func (*Socket) Stale() bool { return false }

// Exchange is only for a Socket that is bound.
func (*Socket) Exchange(func() bool, []byte) (int, error) { panic("BUG: no socket is bound") }

// NothingAccepted cannot be told.
func NothingAccepted(net.Conn, int64) bool { return false }

// CanProve says that NothingAccepted can be told here.
const CanProve = false
