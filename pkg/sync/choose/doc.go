// Package choose decides, under limits, which jobs have their shards moved now, each shard from which source, and what holds the
// others. It is a pure function of its input: no I/O, no clock, no random numbers, and no floating point, so that the same input
// gives the same answer on every machine.
//
// # What is decided
//
// A [Problem] has jobs, shards and budgets. A job needs a set of shards; a shard that several jobs need moves, and is paid for, once. A shard
// has one or more offers: sources that it can be read from, each with its charges. A charge is money and bytes over a route, and counts
// against every budget of that route. No [Choice] uses more of any budget than is left of it.
//
// # What is best
//
// Jobs fall into classes: first by the day (UTC) by which moving must begin, what is late counting as today and no need-by as
// never; on the same day by priority, higher first. The classes are served one after the other. In each, given the jobs that were chosen
// in the classes before, the sum of the values of the chosen jobs is made as large as the budgets allow; among choices that
// are found equal, what costs less wins. With equal values that is as many jobs as possible, cheapest first.
//
// Because a class is decided before the next is looked at, nothing that is needed later ever changes what is chosen for what is needed
// sooner. What a later class may change is the source of a shard, if that makes room.
//
// # How good it is
//
// Jobs are taken in several orders, of which the best result is kept: by value per USD; by value per share of what is left in all budgets, or in
// the scarcest; by value; and by value per what their shares cost at the shadow prices of the budgets ([shadowPrices]). Then each chosen
// job is given up for others while that gains. A class of up to 20 jobs ([exactJobs]) is then searched through by branch and
// bound, and what is found is the best, unless the search runs into its limit of work, which counts steps and not time, or more than 24 lots of
// shards have a choice of sources. The test of that compares with an exhaustive search and allows 5 %.
//
// Every class has a bound that no choice can pass, so that any answer says how far from the best it can be at most. The bound is near where jobs
// share few shards, and loose where they share many, because it divides what is shared among all who need it.
//
// # Jobs that fit in part
//
// A job is worth nothing until all of its shards are there. So one that does not fit is held whole: money spent on half of it
// would buy nothing now, and be gone when the next need comes that it could have made ready. Where a part is welcome all the same
// ([Job.Part]), because the job is larger than any window's budget, or because somebody said so, it gets what all complete jobs leave
// over, shard by shard in its own order.
//
// # What stays the same
//
// The answer does not depend on the order of jobs or of a job's shards in the input: ids break ties. The order in which jobs
// run depends on each one's own day, priority, value and full price, so that a change of one job moves that job and no other.
// A job that has begun needs less than before, is worth more per USD, and so keeps its place.
package choose
