# /etc/varnish/default.vcl
vcl 4.1;

backend tea {
    .host = "127.0.0.1";
    .port = "10000";
    .connect_timeout = 5s;
    # Longer than limits.handlerTimeoutMs, 10 seconds by default.
    .first_byte_timeout = 60s;
    # The longest silence of an event stream.
    .between_bytes_timeout = 60s;
    .probe = {
        # The Host field has to be one of allowedHosts, so the request is written in full.
        .request =
            "GET /health/ready HTTP/1.1"
            "Host: tea.example.com"
            "Connection: close";
        .interval = 2s;
        .timeout = 1s;
        # Start as healthy. Otherwise requests before the first check are answered 503.
        .initial = 3;
    }
}

sub vcl_recv {
    # Varnish appends the client to X-Forwarded-For before this line. Jackfield trusts all of these fields.
    set req.http.X-Forwarded-For = client.ip;
    # Varnish has no TLS: this is the field of the TLS proxy in front of it, if there is one.
    set req.http.X-Forwarded-Proto = "http";
    set req.http.X-Forwarded-Host = req.http.Host;
    unset req.http.Forwarded;

    if (req.http.Upgrade ~ "(?i)^websocket$") {
        return (pipe);
    }
    # Without this line the built-in VCL pipes methods that it does not know, and later requests on that connection
    # bypass these rules.
    if (req.method != "GET" && req.method != "HEAD") {
        return (pass);
    }
    # Varnish asks for gzip for these clients too, and then holds events back to unpack them in large pieces.
    if (req.http.Accept-Encoding !~ "gzip") {
        return (pass);
    }
    # Two clients never share an event stream.
    if (req.http.Accept ~ "text/event-stream") {
        return (pass);
    }
}

sub vcl_backend_response {
    # Varnish caches a response without caching fields for two minutes. These two lines together mean "do not cache it,
    # and do not let other clients wait for it".
    if (!beresp.http.Cache-Control && !beresp.http.Expires) {
        set beresp.ttl = 120s;
        set beresp.uncacheable = true;
    }
}

sub vcl_pipe {
    # From here on Varnish does not inspect the client's data. With "close" the server ends the connection unless it
    # switches protocols, so no later request passes with forged fields.
    set bereq.http.Connection = "upgrade, close";
    set bereq.http.Upgrade = req.http.Upgrade;
}
