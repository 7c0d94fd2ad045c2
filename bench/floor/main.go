// Command floor is what Blaze is measured against: a fasthttp proxy that does nothing but forward.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"

	"blaze/bench/load"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8000", "the proxied port")
	upstream := flag.String("upstream", "127.0.0.1:8080", "host:port of the server behind")
	flag.Parse()
	ln, err := net.Listen("tcp", *listen)
	if err == nil {
		err = load.Floor(*upstream).Serve(ln)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}
