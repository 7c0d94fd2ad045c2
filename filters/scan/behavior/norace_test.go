//go:build !race

package behavior

const raced = false
