// Package open turns a URL into a store that is metered and retried.
//
// # The forms
//
//	azblob://CONTAINER?storage_account=NAME
//	s3://BUCKET?region=us-east-1
//	s3://BUCKET?endpoint=https://s3.lab1.example&use_path_style=true
//	gs://BUCKET
//	file:///ABSOLUTE/PATH?create_dir=true
//	mem://NAME
//
// A URL names a whole bucket, container or directory; a prefix belongs to the dataset or destination. Credentials never
// stand in a URL, and no error of this package shows one that did: see [Redact].
//
// # What is wrapped around what
//
// retry( backend( metered HTTP client ) ): every attempt is metered by itself, and nothing is retried below.
package open
