package main

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// descriptors counts what the process pid has open, and how many of it are connections to the address peer.
func descriptors(pid int, peer string) (all, toPeer int, err error) {
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return 0, 0, err
	}
	to, err := socketsTo(pid, peer)
	for _, l := range links {
		if name, err := os.Readlink(l); err == nil {
			all++
			if to[name] {
				toPeer++
			}
		}
	}
	return all, toPeer, err
}

// socketsTo lists the TCP sockets whose other end is peer, as links in /proc/PID/fd name them (proc(5), /proc/net/tcp).
func socketsTo(pid int, peer string) (map[string]bool, error) {
	want, err := netip.ParseAddrPort(peer)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/net/tcp", pid))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	out := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		const remote, inode = 2, 9
		fields := strings.Fields(lines.Text())
		if len(fields) <= inode {
			continue
		}
		var ip [4]byte
		raw, err := hex.DecodeString(strings.ReplaceAll(fields[remote], ":", ""))
		if err != nil || len(raw) != 6 {
			continue // the heading
		}
		binary.BigEndian.PutUint32(ip[:], binary.LittleEndian.Uint32(raw))
		if netip.AddrPortFrom(netip.AddrFrom4(ip), binary.BigEndian.Uint16(raw[4:])) == want {
			out["socket:["+fields[inode]+"]"] = true
		}
	}
	return out, nil
}
