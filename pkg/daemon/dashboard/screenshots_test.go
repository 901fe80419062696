package dashboard

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// screenshots for the documentation.
func screenshots(t *testing.T, b *browser, l *lab, dir string) {
	// Some minutes of history, in which not everything goes at one speed.
	for _, speed := range []string{"12Mbit/s", "6Mbit/s", "9Mbit/s"} {
		l.pace(speed)
		time.Sleep(45 * time.Second)
	}
	shoot := func(name, path, scheme string, width, height int64) {
		b.dress(scheme, width, height, 1)
		b.open(path)
		b.wait("fonts and charts", `document.fonts.status === "loaded" && (!document.querySelector("figure[data-chart]") || document.querySelector(".u-over"))`)
		time.Sleep(500 * time.Millisecond)
		picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		small, err := smaller(picture)
		if err != nil {
			t.Fatal(err)
		}
		if len(small) > 150<<10 {
			t.Errorf("%s.png has %d bytes", name, len(small))
		}
		if err := os.WriteFile(filepath.Join(dir, name+".png"), small, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shoot("overview", "/", "light", 1280, 1180)
	shoot("overview-dark", "/", "dark", 1280, 1180)
	shoot("phone", "/", "light", 360, 780)
	shoot("jobs", "/jobs", "light", 1280, 620)
	shoot("job", "/jobs/llama-7b-warmup", "light", 1280, 900)
	shoot("transfers", "/transfers", "dark", 1280, 900)
	shoot("budget", "/budgets/aws-egress", "light", 1280, 900)
	shoot("spend", "/spend", "light", 1280, 900)
	shoot("data", "/data", "dark", 1280, 760)
	b.silent("screenshots")
}

// smaller is a picture with at most 256 colours, which flat pages have few more of.
func smaller(b []byte) ([]byte, error) {
	src, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	count := map[color.RGBA]int{}
	for y := range src.Bounds().Dy() {
		for x := range src.Bounds().Dx() {
			count[color.RGBAModel.Convert(src.At(x, y)).(color.RGBA)]++
		}
	}
	// Most of a page are few colours. The rest of the palette goes to those that are least like one that is in it: a small dot says as much as a large plain.
	colors := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int { return count[b] - count[a] })
	palette := color.Palette{}
	away := make([]int, len(colors))
	for i := range away {
		away[i] = 1 << 30
	}
	for len(palette) < min(256, len(colors)) {
		next := len(palette)
		if next >= 128 {
			for i := range away {
				if away[i] > away[next] {
					next = i
				}
			}
		}
		palette = append(palette, colors[next])
		for i, c := range colors {
			r, g, b := int(c.R)-int(colors[next].R), int(c.G)-int(colors[next].G), int(c.B)-int(colors[next].B)
			away[i] = min(away[i], r*r+g*g+b*b)
		}
	}
	out := image.NewPaletted(src.Bounds(), palette)
	nearest := map[color.RGBA]uint8{}
	for y := range src.Bounds().Dy() {
		for x := range src.Bounds().Dx() {
			c := color.RGBAModel.Convert(src.At(x, y)).(color.RGBA)
			i, ok := nearest[c]
			if !ok {
				i = uint8(palette.Index(c))
				nearest[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	var buffer bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&buffer, out)
	return buffer.Bytes(), err
}
