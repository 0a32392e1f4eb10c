# /etc/varnish/default.vcl
vcl 4.1;

backend tea {
    .host = "127.0.0.1";
    .port = "10000";
    .connect_timeout = 5s;
    # Longer than limits.handlerTimeoutMs, 10 seconds by default.
    .first_byte_timeout = 60s;
    # How long a stream of events may be silent.
    .between_bytes_timeout = 60s;
    .probe = {
        # The Host field has to be one of allowedHosts, so the request is written out.
        .request =
            "GET /health/ready HTTP/1.1"
            "Host: tea.example.com"
            "Connection: close";
        .interval = 2s;
        .timeout = 1s;
        # Begin as healthy; otherwise requests before the first check are answered 503.
        .initial = 3;
    }
}

sub vcl_recv {
    # Varnish appends the client to X-Forwarded-For before this line. Jackfield believes all of these fields.
    set req.http.X-Forwarded-For = client.ip;
    # Varnish has no TLS: this is the field of the TLS proxy in front of it, if there is one.
    set req.http.X-Forwarded-Proto = "http";
    set req.http.X-Forwarded-Host = req.http.Host;
    unset req.http.Forwarded;

    if (req.http.Upgrade ~ "(?i)^websocket$") {
        return (pipe);
    }
    # Without this line the built-in VCL pipes methods that it does not know, and later requests on that connection
    # pass without these rules.
    if (req.method != "GET" && req.method != "HEAD") {
        return (pass);
    }
    # Varnish asks for gzip on behalf of these clients too, and then holds events back to unpack them in large pieces.
    if (req.http.Accept-Encoding !~ "gzip") {
        return (pass);
    }
    # Two clients never share a stream of events.
    if (req.http.Accept ~ "text/event-stream") {
        return (pass);
    }
}

sub vcl_backend_response {
    # Varnish keeps a response that says nothing about caching for two minutes. Two lines, as Varnish has no other way to
    # say "do not keep it, and do not let other clients wait for it".
    if (!beresp.http.Cache-Control && !beresp.http.Expires) {
        set beresp.ttl = 120s;
        set beresp.uncacheable = true;
    }
}

sub vcl_pipe {
    # From here on Varnish looks at nothing that the client sends. With "close" the server ends the connection unless it
    # switches to the other protocol, so no later request passes with forged fields.
    set bereq.http.Connection = "upgrade, close";
    set bereq.http.Upgrade = req.http.Upgrade;
}
