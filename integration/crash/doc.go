// Package crash ends processes at the points of internal/crashpoint and judges from outside what the next process makes of what is left.
package crash
