package main

import (
	"slices"

	"dsync/infra/topology"
	"dsync/internal/metric"
)

var (
	scimServers = []topology.Role{topology.ServesUsers, topology.ServesGroups, topology.ServesDiscovery}
	servers     = append(slices.Clone(scimServers), topology.ServesREST, topology.ServesConsole, topology.ServesSetup)
	publishers  = []topology.Role{topology.RelaysEvents, topology.RedrivesEvents}
	all         = append(append(slices.Clone(servers), publishers...), topology.RunsJobs, topology.CreatesAPIKeys)
)

// writers are the roles of the functions that write a metric.
var writers = map[string][]topology.Role{
	metric.Requests.Name:             scimServers,
	metric.Latency.Name:              scimServers,
	metric.ChangesWritten.Name:       scimServers,
	metric.QuotaRefusals.Name:        scimServers,
	metric.Unauthorized.Name:         servers,
	metric.RateLimited.Name:          servers,
	metric.TransactionConflicts.Name: all,
	metric.RecordsProcessed.Name:     publishers,
	metric.EventsLogged.Name:         publishers,
	metric.EventsPublished.Name:      publishers,
	metric.EventsParked.Name:         publishers,
	metric.EventsTruncated.Name:      publishers,
	metric.RelayLag.Name:             publishers,
	metric.EventsRedriven.Name:       {topology.RedrivesEvents},
	metric.OldestJobAge.Name:         {topology.RunsJobs},
	metric.JobsFailed.Name:           {topology.RunsJobs},
}

// series is how many series of metrics the functions can write: every metric of
// every function, with every method and every class of status codes. CloudWatch
// charges for each that has data.
func series() int {
	n := 0
	for _, m := range metric.All() {
		for _, f := range topology.Dsync().Functions {
			if slices.Contains(writers[m.Name], f.Role) {
				n += m.Series()
			}
		}
	}
	return n
}
