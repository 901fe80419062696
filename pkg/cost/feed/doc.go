// Package feed reads the public price feeds of Azure, AWS and Google Cloud and writes what they say as an overlay of a price book.
//
// # What is promised
//
// An import is all or nothing: a feed that is cut off, malformed or contradicts itself, or prices that the book would refuse,
// give an error that names the file, the row and the field, and no overlay. What a feed has and the book has no use for is
// counted by its reason, never dropped in silence. Entries that a feed proves replace those of the book under the same ids;
// where it speaks for some regions of an entry alone, those get an entry of their own, and the rest keeps what it had.
//
// # Bounds
//
// Nothing is held but the rows that prices are made of: AWS's files have hundreds of megabytes, and are read token by token.
// A single value, a page, the number of pages and a whole feed each have a largest size.
package feed
