// Package network moves data between real servers through networks that break, and looks at what is left: only tests.
package network
