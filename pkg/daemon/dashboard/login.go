package dashboard

import (
	"bytes"
	"net/http"
	"strings"
)

// loginView is the form for a token.
type loginView struct {
	Problem string
	// Next is the page that was asked for, of this host alone.
	Next string
}

// Login writes the page that asks for a token, with status 401 if there was a problem with the one before. Its form posts the field token, and next, the
// path that was asked for, to /login. It needs what is under /assets/, which has nothing secret.
func Login(w http.ResponseWriter, r *http.Request, problem string) {
	v := loginView{Problem: problem, Next: Next(r.FormValue("next"))}
	if r.URL.Path != "/login" && r.Method == http.MethodGet {
		v.Next = Next(r.URL.RequestURI())
	}
	status := http.StatusOK
	if problem != "" {
		status = http.StatusUnauthorized
	}
	var b bytes.Buffer
	if err := templates()["login"].ExecuteTemplate(&b, "login", v); err != nil {
		http.Error(w, "The login page cannot be shown.", http.StatusInternalServerError)
		return
	}
	send(w, r, b.Bytes(), status, false)
}

// Next is where to go after a login: a path of this host, / if it is anything else.
func Next(s string) string {
	if !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsAny(s, "\\\r\n\t\x00") || len(s) > 2000 {
		return "/"
	}
	return s
}
