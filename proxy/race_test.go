//go:build race

package proxy_test

// raceEnabled: each case costs ten times as much under the race detector, so fewer are tried; .ci/run tries them all without it.
const raceEnabled = true
