wrk.method = "PUT"
wrk.path = "/up/file"
wrk.headers["Content-Type"] = "application/octet-stream"
wrk.body = string.rep("x", 1048576)
