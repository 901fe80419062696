package open

import (
	"net/url"
	"strings"
)

// Whereabouts are the names of one folder of a store that programs which read it know.
type Whereabouts struct {
	// URL as fsspec, the clouds' own tools and most loaders write it: s3://, gs://, az://, file://. It ends in a slash, has neither credentials nor
	// parameters, and what is special in URLs is not escaped: none of those readers would undo it.
	URL string
	// Path in the file system, of a directory, with a slash at the end.
	Path string
	// Others are further URLs of the same folder, for recognising it: azblob://, abfs://, and over https.
	Others []string
}

// Locate names the folder of a store that the URL opens; folder is "" or ends in a slash. The zero value is for a URL that [CheckURL] refuses.
func Locate(raw, folder string) Whereabouts {
	u, err := parse(raw)
	if err != nil {
		return Whereabouts{}
	}
	at := func(scheme string) string { return scheme + "://" + u.Host + "/" + folder }
	inService := func(service string) string { return service + (&url.URL{Path: "/" + u.Host + "/" + folder}).String() }
	switch u.Scheme {
	case "file":
		dir := strings.TrimSuffix(u.Path, "/") + "/" + folder
		return Whereabouts{URL: "file://" + dir, Path: dir}
	case "azblob":
		return Whereabouts{URL: at("az"), Others: []string{at("azblob"), at("abfs"), inService(serviceOf(u))}}
	case "s3":
		w := Whereabouts{URL: at("s3"), Others: []string{inService(serviceOf(u))}}
		if host, public := strings.CutPrefix(serviceOf(u), "https://"); public {
			w.Others = append(w.Others, (&url.URL{Scheme: "https", Host: u.Host + "." + host, Path: "/" + folder}).String())
		}
		return w
	case "gs":
		return Whereabouts{URL: at("gs"), Others: []string{inService(serviceOf(u))}}
	}
	return Whereabouts{URL: at(u.Scheme)}
}
