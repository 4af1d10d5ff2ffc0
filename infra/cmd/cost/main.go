// Command cost writes docs/cost.md, the monthly costs of dsync on AWS. It
// computes them from the measured units of the operations, the prices that AWS
// publishes, and the assumed load of a directory of a given size.
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
