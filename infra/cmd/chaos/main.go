// Command chaos tests the guarantees for events in the README. It makes random
// changes in many directories under injected faults. It counts events that are
// missing, unexpected or out of order. It exits with status 1 if a count is not
// 0, or if a fault did not occur.
//
//	go run ./infra/cmd/chaos -changes 10000 -directories 20
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"dsync/infra/test/chaos"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if child, err := chaos.Child(ctx, os.Getenv); child {
		exit(err)
	}
	c := chaos.Config{Log: os.Stderr, Child: childCommand}
	flag.IntVar(&c.Changes, "changes", 10_000, "number of changes in all directories")
	flag.IntVar(&c.Directories, "directories", 20, "number of directories")
	flag.Uint64Var(&c.Seed, "seed", uint64(time.Now().UnixNano()), "seed of the random choices")
	flag.DurationVar(&c.Attack, "attack", 20*time.Second, "how long an attacker makes changes beside a victim")
	flag.DurationVar(&c.Patience, "patience", 5*time.Minute, "maximum wait for outstanding events after the last change")
	sabotage := flag.String("sabotage", "", "a mechanism to switch off: the campaign must fail")
	flag.Parse()
	c.Sabotage = chaos.Sabotage(*sabotage)
	exit(run(ctx, c))
}

func run(ctx context.Context, c chaos.Config) (err error) {
	if c.Folder, err = os.MkdirTemp("", "dsync-chaos-"); err != nil {
		return err
	}
	defer func() {
		if err == nil {
			err = os.RemoveAll(c.Folder)
		} else {
			fmt.Println("The logs are in", c.Folder)
		}
	}()
	fmt.Printf("Running a campaign with seed %d.\n", c.Seed)
	report, err := chaos.Run(ctx, c)
	if err != nil {
		return err
	}
	report.Print(os.Stdout)
	if !report.Passed() {
		return fmt.Errorf("the campaign failed")
	}
	fmt.Println("\nThe campaign passed.")
	return nil
}

// childCommand starts this program again as a child of the campaign.
func childCommand(variable string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), variable)
	return cmd
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
	os.Exit(0)
}
