#!/usr/bin/env bash
# How many interim responses (103 Early Hints here) a client reads before the final one. RFC 9110 §15.2: a client has to
# be able to parse one or more of them. Python's http.client, urllib and requests, Perl's LWP and Java's
# HttpURLConnection return the first as the final response; PHP reads one, and Java's HttpClient eight.
. "$(dirname "$0")/lib/begin.sh"
expect 'Python 3.11.' /usr/bin/python3 --version
expect '2.28.' /usr/bin/python3 -c 'import requests; print(requests.__version__)'
expect '6.68' perl -MLWP -e 'print LWP->VERSION'
expect 'PHP 8.2.' php --version
expect '17.0.' java -version

cat >answers.mjs <<'JS'
const HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </tea.css>; rel=preload\r\n\r\n';
// GET /3 is answered after three interim responses.
export default ({ target }, socket) => {
  const count = Number(target.slice(1));
  socket.end(`${HINTS.repeat(count)}HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok`);
};
JS
origin answers.mjs

cat >http_client.py <<'PY'
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1])
connection.request('GET', sys.argv[2])
print(connection.getresponse().status)
PY
cat >urllib_.py <<'PY'
import sys, urllib.request
print(urllib.request.urlopen('http://' + sys.argv[1] + sys.argv[2]).status)
PY
cat >requests_.py <<'PY'
import sys, requests
print(requests.get('http://' + sys.argv[1] + sys.argv[2]).status_code)
PY
cat >lwp.pl <<'PL'
use LWP::UserAgent;
print LWP::UserAgent->new->get("http://$ARGV[0]$ARGV[1]")->code, "\n";
PL
cat >php.php <<'PHP'
<?php
print(@file_get_contents("http://$argv[1]$argv[2]") === 'ok' ? "200\n" : "failed\n");
PHP
cat >Old.java <<'JAVA'
class Old {
  public static void main(String[] args) throws Exception {
    var connection = (java.net.HttpURLConnection) new java.net.URL("http://" + args[0] + args[1]).openConnection();
    System.out.println(connection.getResponseCode());
  }
}
JAVA
cat >New.java <<'JAVA'
import java.net.URI;
import java.net.http.*;

class New {
  public static void main(String[] args) throws Exception {
    var request = HttpRequest.newBuilder(URI.create("http://" + args[0] + args[1])).build();
    var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    System.out.println(client.send(request, HttpResponse.BodyHandlers.ofString()).statusCode());
  }
}
JAVA

javac Old.java New.java

# reads COMMAND...: prints the highest of 0, 1, 2, 8 and 9 interim responses after which the client still reads the 200.
reads() {
  local most=none count
  for count in 0 1 2 8 9; do
    [ "$("$@" "127.0.0.1:$origin" "/$count" 2>/dev/null | tail -n 1)" = 200 ] && most=$count
  done
  echo "$most"
}
python="http.client $(reads /usr/bin/python3 http_client.py), urllib $(reads /usr/bin/python3 urllib_.py)"
python="$python, requests $(reads /usr/bin/python3 requests_.py)"
java="HttpURLConnection $(reads java Old), HttpClient $(reads java New)"
seen "$python, LWP $(reads perl lwp.pl), PHP $(reads php php.php), $java" \
  'http.client 0, urllib 0, requests 0, LWP 0, PHP 1, HttpURLConnection 0, HttpClient 8'
