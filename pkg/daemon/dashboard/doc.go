// Package dashboard is the pages at /: what is where, what moves, what waits and why, what was spent and what is left, and what to do.
//
// # Three readers
//
// Who runs it asks: is it well, what moves, what failed, what do I do? Who trains asks: is my job's data there, and when? Who pays asks: what was
// spent, what is left, when is it used up? The first page answers each of them in a line, and leads to a page of their own.
//
// # How it is made
//
// Every page is whole as the server writes it: text, tables, and charts as SVG. With JavaScript a page asks for itself anew every two seconds and takes
// over what differs (htmx), and charts can be read off (uPlot). Without it nothing is missing but that. All that a page needs is in the
// program: no page asks another host for anything, and the content security policy has browsers hold to that.
//
// # What it may do
//
// It reads [observe.Reader], and changes only what [Options].Actions lets it: a pause, a resume, an approval. Each has a page that says what it
// does before anybody does it. A POST from another site is refused.
//
// # What it shows
//
// Sizes in binary units, money in dollars, times in UTC. Lists come by the page: 10,000 jobs or a million shards make no page that a browser
// could not show. Names are shown as what they are, text.
package dashboard
