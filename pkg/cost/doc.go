// Package cost knows what moving bytes costs, keeps it under a budget and accounts for it.
//
// # What is promised
//
// A price is never a guess that looks like a fact. Every price comes from a [Book], whose entries carry the date and the
// source they were seen in and whether that source proves them; a route that the book does not know is an error that says
// how to declare its price, never zero. Where something that decides a price is unknown (how much of a month's cheaper
// bands is used up, the storage class of an object), the answer is an upper bound.
//
// # Arithmetic
//
// Money is [NanoUSD], an int64. Every product of bytes and price is exact in 128 bits, rounded once, half up, to a whole
// nano-dollar, and stays at the largest value instead of wrapping. No floating point is used.
//
// # From a hop to a line
//
// A [Hop] is bytes that go from one location to another. [Book.Transfer] classifies it and finds its [Rate]; [Rate.Price]
// prices bytes over the rate's tiers from what the meter has counted this month; [Rate.Dearest] is what to reserve before
// the bytes move; [Book.PriceHop] adds requests and retrieval and gives one [Line]. Prices are before tax and gross of credits.
// [Book.Layer] and [Book.WithTerms] make other books of one: with newer prices, and at the terms of a contract. What is paid for
// something else than a hop's bytes and requests has functions of its own: [FixedCosts] for private links, [Book.Storage],
// [Book.EarlyDeletion] and [Book.Restores] for what is kept, deleted and archived.
//
// # Which prices a budget may rest on
//
// [Ledger.CheckPrices] refuses rates that no source proves, and stale ones, unless [Trust] accepts them: whoever reserves or
// plans over a link asks it first.
//
// # The ledger
//
// A [Ledger] reserves before bytes move and settles after. A reservation is the price of all the bytes that a request may
// put on the wire, at the dearest band that its meter can be in when it is settled; it is durable in the manifest and in
// the journal before the request is made. Settled plus reserved stays within every [Budget] that covers the link. What a
// process that died left reserved counts as spent. A window that was open stays closed once a later one was: a clock that
// jumps back does not give its money again. [Ledger.Approve] lets more be spent, once. Where manifest and journal are lost, what
// was spent is in doubt, and counts as all that there was, until [Ledger.Reset].
//
// # Units
//
// "GB" on the transfer bills of AWS, Azure and Google is 2^30 bytes: in the public FOCUS 1.0 sample, all 548 non-zero
// transfer rows of AWS and Microsoft are whole bytes under 2^30, and only 60 are under 10^9. The book says GiB, and gives
// its unit in bytes with every entry.
package cost
