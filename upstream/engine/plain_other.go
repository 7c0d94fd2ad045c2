//go:build !amd64

package engine

const (
	block  = 32
	blocks = false
)

func plainBlocks(*byte, int) (int, uint32) { panic("BUG: no blocks on this machine") }
