package command_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"blaze/telemetry/command"
)

// TestRun walks the command lines of a small program: what is printed where, and the exit code.
func TestRun(t *testing.T) {
	greet := func(f *pflag.FlagSet) command.Action {
		name := f.String("your-name", "nobody", "who is greeted")
		times := f.Int("times", 1, "how often")
		return func(_ context.Context, p command.Process, args []string) error {
			switch *name {
			case "error":
				return errors.New("no such person")
			case "quiet":
				return command.Exit(3)
			case "wrong":
				return command.Misuse(errors.New("not a name"))
			}
			_, err := p.Stdout.Write([]byte(strings.Repeat("hello "+*name+" "+strings.Join(args, ","), *times)))
			return err
		}
	}
	g := command.Program{Name: "tool", Does: "Tool greets.", Commands: []command.Command{
		{Name: "greet", Args: "[WHERE]", Does: "says hello", Most: 1, Flags: greet},
		{Name: "need", Args: "FILE", Does: "needs a file", Least: 1, Most: 1, Flags: greet},
	}}
	f := func(line string, code int, stdout, stderr string) {
		t.Helper()
		var out, errs bytes.Buffer
		env := func(n string) (string, bool) {
			v, ok := map[string]string{"TOOL_YOUR_NAME": "env"}[n]
			return v, ok
		}
		got := g.Run(context.Background(), command.Process{Env: env, Stdout: &out, Stderr: &errs}, strings.Fields(line))
		if got != code || !strings.Contains(out.String(), stdout) || !strings.Contains(errs.String(), stderr) ||
			(stdout == "") != (out.Len() == 0) || (stderr == "") != (errs.Len() == 0) {
			t.Errorf("%q: code %d, printed %q and %q", line, got, &out, &errs)
		}
	}
	f("", 0, "hello env ", "")
	f("--your-name ada", 0, "hello ada ", "")
	f("greet --times 2 here", 0, "hello env herehello env here", "")
	f("greet here there", 2, "", `tool: greet does not take the argument "there"`)
	f("need", 2, "", "tool: need needs an argument: FILE\nusage: tool need [flags] FILE")
	f("need --help", 0, "usage: tool need [flags] FILE", "")
	f("help need", 0, "--your-name", "")
	f("--help", 0, "needs a file", "")
	f("help", 0, "Flags of greet:", "")
	f("dance", 2, "", `unknown command "dance"`)
	f("--dance", 2, "", "unknown flag: --dance\nusage: tool greet [flags] [WHERE]")
	f("gret", 2, "", `unknown command "gret"; did you mean "greet"?`)
	f("--tims 2", 2, "", "unknown flag: --tims; did you mean --times?\nusage: tool greet [flags] [WHERE]")
	f("--times many", 2, "", "--times")
	f("--your-name error", 1, "", "tool: no such person\n")
	f("--your-name wrong", 2, "", "tool: not a name\nusage:")
	f("--your-name quiet", 3, "", "")
}
