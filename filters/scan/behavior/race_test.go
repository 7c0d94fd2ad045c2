//go:build race

package behavior

const raced = true
