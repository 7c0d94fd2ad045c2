// Command soak runs a real Blaze for a long time under mixed traffic, with faults injected at random, and then takes
// stock: everything that was taken is given back, nothing has grown, the books balance, the audit log is whole, and every
// request that a client saw refused is explained in the log. The random choices follow from -seed.
//
//	go run ./bench/soak -for 30m
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

type options struct {
	length  time.Duration
	seed    uint64
	clients int
	keep    bool
}

func main() {
	var o options
	flag.DurationVar(&o.length, "for", 3*time.Minute, "how long")
	flag.Uint64Var(&o.seed, "seed", 1, "seed of every random choice")
	flag.IntVar(&o.clients, "clients", 24, "concurrent clients")
	flag.BoolVar(&o.keep, "keep", false, "keep the folder with policy, log and audit log")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	s, err := newStage(o.keep)
	if err != nil {
		return err
	}
	defer s.close()
	fmt.Printf("soak: %v, seed %d, %d clients; in %s\n", o.length, o.seed, o.clients, s.dir)
	calm := newCrowd(s, o.seed)
	warm := min(max(o.length/20, 5*time.Second), 30*time.Second)
	calm.run(ctx, o.clients, warm)
	before, err := s.settle(ctx)
	if err != nil {
		return fmt.Errorf("after the warm-up: %w", err)
	}
	fmt.Printf("before  %s\n", before)
	crowd := newCrowd(s, o.seed+1)
	storm, end := context.WithCancel(ctx)
	var faults sync.WaitGroup
	done := map[string]int{}
	faults.Go(func() { s.faults(storm, rand.New(rand.NewPCG(o.seed, 7)), done) })
	crowd.run(ctx, o.clients, o.length)
	end()
	faults.Wait()
	after, err := s.settle(ctx)
	if err != nil {
		return fmt.Errorf("after the storm: %w", err)
	}
	fmt.Printf("after   %s\n", after)
	fmt.Printf("faults  %v\n", done)
	calm.add(crowd)
	problems := append(compare(before, after), s.books(calm)...)
	if len(problems) > 0 {
		for _, p := range problems {
			fmt.Println("WRONG  ", p)
		}
		s.keep = true
		return fmt.Errorf("%d things are wrong; see %s", len(problems), s.dir)
	}
	fmt.Println("all books balance")
	return nil
}
