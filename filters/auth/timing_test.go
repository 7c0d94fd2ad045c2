package auth

import (
	"fmt"
	"testing"
)

// BenchmarkKeyPrefix looks up wrong keys that share none, half and all but one of a real key's characters: the three
// figures must not differ by more than the machine's noise.
func BenchmarkKeyPrefix(b *testing.B) {
	filter := build(b, testConfig(), env(b, nil, nil))
	n := len(userKey)
	for _, shared := range []int{0, n / 2, n - 1} {
		guess := []byte(userKey)
		for i := shared; i < n; i++ {
			guess[i] = '!'
		}
		b.Run(fmt.Sprintf("%d of %d", shared, n), func(b *testing.B) {
			for b.Loop() {
				d := digestOf(guess)
				if filter.keys.find(&d) != nil {
					b.Fatal("a wrong key was found")
				}
			}
		})
	}
}
