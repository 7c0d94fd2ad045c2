// Command corpus measures the scan: it sends every case of a corpus of attacks, harmless values and AI prompts as a real
// request through a real Blaze, and counts what was refused. The corpus stays outside the repository.
//
// An attack counts as stopped only when Blaze refused it for what it is (a threat, malformed HTTP, JSON or encoding) and
// the model server saw nothing of it. An unknown route, a timeout or a lost connection is counted apart, as other.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	misses := flag.String("misses", "", "write attacks that passed and harmless requests that were refused to this file, as JSON lines")
	dear := flag.Bool("cost", false, "measure what judging each request takes, too, and fail if one of 64 KiB or less takes over 1 ms: some 10 s on a quiet machine; without a folder, of requests that are made to cost, which fails nothing")
	seed := flag.Uint64("seed", 1, "what the requests that are made to cost are drawn from")
	machine := flag.Bool("json", false, "print the counts as JSON")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: go run ./bench/corpus [-json] [-cost] [-seed N] [-misses FILE] FOLDER\n       go run ./bench/corpus -cost [-json] [-seed N]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 1 || flag.NArg() == 0 && !*dear {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), options{misses: *misses, machine: *machine, cost: *dear, seed: *seed}, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "corpus:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	misses  string // the file for misses, if any
	machine bool   // JSON
	cost    bool
	seed    uint64
}

// run measures the folder's corpus and writes what it found to w. Figures are no errors, but for a
// request that costs more than any may. Without a folder only what is made to cost is measured.
func run(folder string, o options, w io.Writer) error {
	if folder == "" {
		h, err := measureCost(hostile(o.seed, hostileSize), costTries)
		if err != nil {
			return err
		}
		if o.machine {
			return indented(w, h)
		}
		h.print(w, "made to cost")
		return nil
	}
	c, err := read(folder)
	if err != nil {
		return err
	}
	probes := plan(c)
	if err := send(probes); err != nil {
		return err
	}
	if o.misses != "" {
		if err := writeMisses(o.misses, probes); err != nil {
			return err
		}
	}
	t := tally(probes)
	if o.cost {
		if t.Cost, err = measureCost(probes, costOver); err != nil {
			return err
		}
	}
	if o.machine {
		err = indented(w, t)
	} else {
		err = t.print(w)
	}
	if err == nil && t.Cost != nil {
		err = t.Cost.err()
	}
	return err
}

func indented(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
