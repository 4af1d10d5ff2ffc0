package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"dsync/infra/local/client"
	"dsync/infra/local/runfile"
	"dsync/infra/test/admin"
)

// told bounds what the admin waits for the page.
const told = time.Minute

// setup plays a customer's admin with a setup link, and returns the exit status.
func setup(ctx context.Context, system runfile.Run) int {
	if err := onboard(ctx, client.Client{URL: system.APIURL, Key: system.APIKey}); err != nil {
		fmt.Fprintln(os.Stderr, "The setup failed:", err)
		return exitFailed
	}
	return 0
}

func onboard(ctx context.Context, api client.Client) error {
	foreign, err := api.Connect(ctx, "Setup demo, another directory", "")
	if err != nil {
		return err
	}
	var organization struct{ ID string }
	if err := api.Call(ctx, http.MethodPost, "/organizations", map[string]any{"name": "Setup demo"}, &organization); err != nil {
		return err
	}
	var made struct{ Link string }
	if err := api.Call(ctx, http.MethodPost, "/portal/generate_link", map[string]any{"organization": organization.ID, "intent": "dsync"}, &made); err != nil {
		return err
	}
	page, err := admin.Open(ctx, made.Link)
	if err != nil {
		return err
	}
	fmt.Println("The admin opens the setup link, and makes a token.")
	portal, err := page.MakeToken(ctx)
	if err != nil {
		return err
	}
	portal.Foreign = foreign.Token
	for _, s := range admin.Steps() {
		if err := s.Do(ctx, &portal); err != nil {
			return err
		}
		waiting, cancel := context.WithTimeout(ctx, told)
		took, err := page.Told(waiting, s)
		cancel()
		if err != nil {
			return err
		}
		fmt.Printf("  %-72s the page says after %4d ms: %s\n", "The admin "+s.Name+":", took.Milliseconds(), s.Says)
	}
	done, err := page.Done(ctx)
	if err != nil {
		return err
	}
	if done < 7 {
		return fmt.Errorf("the page has ticked %d of 8 steps", done)
	}
	fmt.Printf("\n%d of 8 steps are ticked. The directories stay: make reset deletes them.\n", done)
	return nil
}
