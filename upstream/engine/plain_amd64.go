package engine

import "golang.org/x/sys/cpu"

// block is how many bytes plainBlocks looks at together.
const block = 32

// blocks says that plainBlocks runs on this machine.
var blocks = cpu.X86.HasAVX2

// plainBlocks is plainRun over the n bytes at p, n a positive multiple of block, 32 bytes at a time with AVX2. It returns
// the position of the first byte that stops the run, or n, and a value that is not 0 if a byte before it is not ASCII.
//
//go:noescape
func plainBlocks(p *byte, n int) (end int, high uint32)
