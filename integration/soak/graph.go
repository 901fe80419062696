package soak

import (
	"fmt"
	"html"
	"strings"
)

// Graph draws series below each other as SVG, each on a scale of its own from 0, with the line that was fitted to it.
func Graph(series map[string][]Sample, verdicts []Verdict, warmup float64) string {
	const width, height, left, gap = 900, 120, 70, 46
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", left+width+20, len(verdicts)*(height+gap)+10)
	for i, v := range verdicts {
		list := series[v.Name]
		last, most := 1.0, v.End
		for _, s := range list {
			last, most = max(last, s.Second), max(most, s.Value)
		}
		most *= 1.1
		if most <= 0 {
			most = 1
		}
		top := float64(i*(height+gap) + 24)
		x := func(second float64) float64 { return left + second/last*width }
		y := func(value float64) float64 { return top + height - value/most*height }
		colour := "#2a7"
		if !v.Flat {
			colour = "#c33"
		}
		fmt.Fprintf(&b, `<text x="%d" y="%.1f">%s</text>`+"\n", left, top-6, html.EscapeString(v.String()))
		fmt.Fprintf(&b, `<rect x="%d" y="%.1f" width="%d" height="%d" fill="none" stroke="#999"/>`+"\n", left, top, width, height)
		fmt.Fprintf(&b, `<rect x="%d" y="%.1f" width="%.1f" height="%d" fill="#eee"/>`+"\n", left, top, x(min(warmup, last))-left, height)
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" text-anchor="end">%.4g</text><text x="%d" y="%.1f" text-anchor="end">0</text>`+"\n", left-6, top+10, most, left-6, top+height)
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" text-anchor="end">%.0f s</text>`+"\n", left+width, top+height+14, last)
		b.WriteString(`<polyline fill="none" stroke="#357" points="`)
		for _, s := range list {
			fmt.Fprintf(&b, "%.1f,%.1f ", x(s.Second), y(s.Value))
		}
		b.WriteString(`"/>` + "\n")
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="2"/>`+"\n", x(min(warmup, last)), y(v.Start), x(last), y(v.End), colour)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
