package telemetry

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
)

// About says what this binary is: version, commit, Go version and platform.
func About(version string) string {
	commit := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value
			}
		}
	}
	return fmt.Sprintf("blaze %s\ncommit %s\n%s %s/%s\n", version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// CheckLog refuses a level or a format that would be taken for another.
func CheckLog(level, format string) error {
	var errs []error
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, level) {
		errs = append(errs, fmt.Errorf("--log-level: want debug, info, warn or error; got %q", level))
	}
	if format != "json" && format != "console" {
		errs = append(errs, fmt.Errorf("--log-format: want json or console; got %q", format))
	}
	return errors.Join(errs...)
}
