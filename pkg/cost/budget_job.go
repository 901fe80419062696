package cost

import "slices"

// Allowance is a budget as one planner counts it: for everybody, or with what was approved for one job alone. Of the latter nothing is counted
// in the former, so that what others and that job may take of the limit together is more than it: the ledger has the last word.
type Allowance struct {
	Use int    // its place in the list of uses
	Job string // "": for everybody
}

// Allowances of budgets: first each for everybody, in their order, then one for each job that something is approved for, ordered by job.
func Allowances(uses []Use) []Allowance {
	list := make([]Allowance, len(uses))
	for i := range uses {
		list[i].Use = i
	}
	for i, u := range uses {
		var jobs []string
		for _, a := range u.ApprovedForJobs {
			if a.NanoUSD > 0 || a.Bytes > 0 {
				jobs = append(jobs, a.Job)
			}
		}
		slices.Sort(jobs)
		for _, job := range slices.Compact(jobs) {
			list = append(list, Allowance{i, job})
		}
	}
	return list
}

// Counting are the places in the list of allowances of those that count a subject.
func Counting(list []Allowance, uses []Use, of Subject) (places []uint16) {
	own := map[int]int{}
	for at, a := range list {
		if a.Job != "" && a.Job == of.Job {
			own[a.Use] = at
		}
	}
	for at, a := range list {
		if a.Job != "" || !uses[a.Use].Budget.Counts(of) {
			continue
		}
		if mine, ok := own[a.Use]; ok {
			at = mine
		}
		places = append(places, uint16(at)) //nolint:gosec // configurations have tens of budgets
	}
	return places
}
