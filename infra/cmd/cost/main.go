// Command cost writes docs/cost.md, the monthly costs of dsync on AWS. It
// computes them from the measured units of the operations, the prices that AWS
// publishes, and the assumed load of a directory of a given size.
//
//	go run ./infra/cmd/cost        write docs/cost.md
//	go run ./infra/cmd/cost idle   print what a stage costs without directories
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "idle" {
		fmt.Print(idle())
		return
	}
	if err := os.WriteFile("docs/cost.md", []byte(page()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}
