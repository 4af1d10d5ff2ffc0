// Command cost computes docs/cost.md: what a month of dsync costs on AWS, from
// what its operations are measured to use, what AWS publishes as its prices,
// and what a directory of a stated size does.
//
//	go run ./infra/cmd/cost
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := os.WriteFile("docs/cost.md", []byte(page()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}
