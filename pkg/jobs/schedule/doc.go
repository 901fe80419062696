// Package schedule plans over time: which job gets its shards when, over links of forecast bandwidth and within the windows of budgets,
// and what would have to change for those that are late. It is a pure function of its input: no I/O, no clock, no random numbers,
// and no floating point, so that the same input gives the same plan on every machine.
//
// # What is planned
//
// A [Problem] has jobs, shards, links and budgets. A job needs ranges of shards. A shard is one object at one destination: it comes over one
// link, and what it takes counts against every budget of its route. The job whose turn is first brings a shard that several need, and pays
// for it; the others wait for it. A job is ready when the last of its shards is there.
//
// Links work at the same time, each on one job at a time, at its forecast rate. A job begins once one of its links is free and every
// budget's open window has room for all that the job brings: all of that is set aside in the windows in which it begins, even where moving
// goes on into the next ones. So a job that needs more than a whole window is never begun; others go on. Where a job waits for a window, its
// link works for others, which stand back when the window opens. Shards are taken to be small: a link may stop in the middle of one.
//
// # The order
//
// Jobs get their places one after the other, each the earliest that is left. First come those that are to be on time, by need-by unless
// budgets make another order better; then those that cannot be, by need-by; then those without one, by priority and by when they were asked
// for. Nothing with a later turn takes a window's money, or a link, from what has an earlier one.
//
// As many jobs as possible are on time of the highest priority, then of the next, and so on.
//
// # How good it is
//
// Jobs that share neither a link nor a budget that can hold anybody are planned apart ("parts"). What is best in a part is known ([Plan.Exact])
//   - if all of its jobs are on time that could be if they were alone;
//   - with one link, nothing shared and no budget that holds anybody, for any number of jobs of one priority, and of several priorities
//     unless the table of what is given up is too large ([mostTable]): dynamic programming over counts;
//   - where no budget holds anybody, up to [searchSets] jobs, whatever they share;
//   - up to [searchAll] jobs otherwise, among all orders of whole jobs.
//
// Everything else is the best of several orders, improved by putting in and exchanging jobs for a number of steps that does not depend on the
// machine, and says nothing of how far from the best it is. Tests compare with exhaustive searches that share no code with this package.
//
// # What stays the same
//
// The order of the input does not matter: ids break ties. The turns of the plan before ([Plan.Turns]) are kept, with new and changed jobs put in, unless
// another order has more jobs on time, at the first priority where they differ. Being ready sooner is no reason to change turns. A job that
// is running goes first where that costs nobody their time.
//
// # What it costs
//
// Shards are counted in runs that the same jobs need ([lots]). A plan is a few passes over the jobs, each the number of jobs and lots times a
// logarithm. For ten thousand jobs that need ranges of a million shards on four links under five budgets (BenchmarkFirst, BenchmarkAgain) the
// first plan took 0.2 s of one core, another after a change 0.1 s, and all together 0.1 GiB. Where almost every shard is a lot of its own, because
// jobs need single ones here and there, it is some 3 s.
package schedule
