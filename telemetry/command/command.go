// Package command reads the command line of a program of many words: one table of commands, flags with their environment
// variables, a usage for each, exit codes. It knows nothing of what the commands do.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"blaze/telemetry/setting"
)

// Process is what a command may use of the world outside.
type Process struct {
	Env            func(string) (string, bool)
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Program is a table of commands. The first is the one that runs when none is named.
type Program struct {
	Name, Does string
	Commands   []Command
}

// Command is one word after the program's name.
type Command struct {
	Name, Args, Does string // Args as in the usage line
	Least, Most      int    // arguments beside flags
	// Flags declares the command's flags and returns what it does.
	Flags func(*pflag.FlagSet) Action
}

// Action is a command's work. Its error becomes the exit code.
type Action func(ctx context.Context, p Process, args []string) error

// Exit is an exit code; as an error, of something that was already told.
type Exit int

// The exit codes that all commands have.
const (
	OK      Exit = 0
	Problem Exit = 1
	Misused Exit = 2
)

func (e Exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// misuse is a mistake in the command line.
type misuse struct{ error }

// Misuse makes err one: it is told with the usage, and the exit code is Misused.
func Misuse(err error) error {
	if err == nil {
		return nil
	}
	return misuse{err}
}

// Run runs the command that args name and returns the exit code.
func (g Program) Run(ctx context.Context, p Process, args []string) int {
	name := g.Commands[0].Name
	switch {
	case len(args) == 1 && (args[0] == "help" || args[0] == "-h" || args[0] == "--help"):
		g.usage(p.Stdout)
		return int(OK)
	case len(args) > 1 && args[0] == "help":
		name, args = args[1], []string{"--help"}
	case len(args) > 0 && !strings.HasPrefix(args[0], "-"):
		name, args = args[0], args[1:]
	}
	for _, c := range g.Commands {
		if c.Name == name {
			return int(g.run(ctx, p, c, args))
		}
	}
	hint := ""
	names := make([]string, len(g.Commands))
	for i, c := range g.Commands {
		names[i] = c.Name
	}
	if near := setting.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	fmt.Fprintf(p.Stderr, "%s: unknown command %q%s\n\n", g.Name, name, hint)
	g.usage(p.Stderr)
	return int(Misused)
}

// run reads the command's flags, does what it does, and says why it could not.
func (g Program) run(ctx context.Context, p Process, c Command, args []string) Exit {
	f := pflag.NewFlagSet(c.Name, pflag.ContinueOnError)
	f.SortFlags = false
	do := c.Flags(f)
	f.SetOutput(io.Discard)
	err := f.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		g.help(p.Stdout, c, f)
		return OK
	case err == nil:
		if err = errors.Join(fromEnv(f, strings.ToUpper(g.Name)+"_", p.Env), c.counts(f.Args())); err == nil {
			err = do(ctx, p, f.Args())
		} else {
			err = Misuse(err)
		}
	default:
		err = Misuse(meant(err, f))
	}
	var code Exit
	var mistake misuse
	switch {
	case err == nil:
		return OK
	case errors.As(err, &code):
		return code
	case errors.As(err, &mistake):
		fmt.Fprintf(p.Stderr, "%s: %v\n%s\n", g.Name, err, g.line(c))
		return Misused
	}
	fmt.Fprintf(p.Stderr, "%s: %v\n", g.Name, err)
	return Problem
}

// meant says which flag an unknown one was probably meant to be.
func meant(err error, f *pflag.FlagSet) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return err
	}
	var names []string
	f.VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	if near := setting.Nearest(unknown.GetSpecifiedName(), names); near != "" {
		return fmt.Errorf("%w; did you mean --%s?", err, near)
	}
	return err
}

// counts says whether there are too many arguments or too few.
func (c Command) counts(args []string) error {
	switch {
	case len(args) > c.Most:
		return fmt.Errorf("%s does not take the argument %q", c.Name, args[c.Most])
	case len(args) < c.Least:
		return fmt.Errorf("%s needs an argument: %s", c.Name, c.Args)
	}
	return nil
}

// fromEnv sets each flag that was not given from the environment: --log-level from BLAZE_LOG_LEVEL.
func fromEnv(f *pflag.FlagSet, prefix string, env func(string) (string, bool)) error {
	var errs []error
	f.VisitAll(func(flag *pflag.Flag) {
		name := prefix + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		if v, ok := env(name); ok && !flag.Changed {
			if err := f.Set(flag.Name, v); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
	})
	return errors.Join(errs...)
}

func (g Program) line(c Command) string {
	return strings.TrimSpace("usage: " + g.Name + " " + c.Name + " [flags] " + c.Args)
}

// help is one command's usage.
func (g Program) help(w io.Writer, c Command, f *pflag.FlagSet) {
	fmt.Fprintf(w, "%s %s: %s\n\n%s\n", g.Name, c.Name, c.Does, g.line(c))
	if f.HasFlags() {
		fmt.Fprintf(w, "\nFlags (each also an environment variable: %s_ and the flag in capitals; a flag wins):\n%s", strings.ToUpper(g.Name), f.FlagUsages())
	}
}

// usage is the whole program's.
func (g Program) usage(w io.Writer) {
	fmt.Fprintf(w, "%s\n\nUsage: %s [command] [flags]\n\nCommands:\n", g.Does, g.Name)
	for _, c := range g.Commands {
		fmt.Fprintf(w, "  %-9s %s\n", c.Name, c.Does)
	}
	first := g.Commands[0]
	f := pflag.NewFlagSet(first.Name, pflag.ContinueOnError)
	f.SortFlags = false
	first.Flags(f)
	fmt.Fprintf(w, "\n%s help COMMAND says more of one. Flags of %s:\n%s", g.Name, first.Name, f.FlagUsages())
}
