// Package http sends rows to any URL.
//
// A sync says under `with:` what a request looks like for each op; without that, POST sends
//
//	{"batch": "…", "op": "upsert", "rows": [{"ids": {…}, "fields": {…}}, …]}
//
// A body is a YAML tree. A string that is one expression as a whole keeps the type of its value,
// so that numbers stay numbers; an expression within a text is written out:
//
//	with:
//	  batch_size: 50
//	  add:
//	    path: /audiences/vip/members
//	    row: {mail: "{{ row.ids.email }}", spent: "{{ row.fields.lifetime_value }}"}
//	    body: {source: weir, members: "{{ rows }}"}
//	  remove:
//	    method: DELETE
//	    path: "/audiences/vip/members/{{ row.ids.email }}"
//
// Expressions are paths, with the filters `json` and `urlencode`; there is no code in them. A
// value that is absent leaves its key out. Values in paths are always escaped.
//
// Every request carries Idempotency-Key, equal over retries and restarts. With a signing_secret it
// carries X-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of t + "." + body>.
//
// Any 2xx is a success. 408, 425, 429 and 5xx are tried again; 401, 403 and 410 stop the run; other
// 4xx reject: one row, or a batch that the engine then halves until the bad row is alone.
// `statuses:` changes that by status.
package http
