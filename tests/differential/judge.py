"""What must hold of a connection: by what was sent, what came back, what the gateway logged and what the upstreams heard."""

from grammar import UPSTREAMS
from reader import answers, canonical, requests
from system import ACCESS, CLIENT

# What the upstreams' own parsers know. Another method is theirs to refuse.
NODE = set("ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL MOVE NOTIFY OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE".split())


def is_known(upstream, method):
    if upstream == "node":
        return method in NODE
    if upstream == "simple":
        return method in ("GET", "HEAD")
    return upstream == "python" or (method.replace("-", "").replace("_", "").isalpha() and method.isupper())


def faults(address, parts, received, closed, logged, heard, token):
    """What does not hold, in words."""
    stream = requests(b"".join(parts))
    came = answers(received, [request.method for request in stream.requests])
    found = []
    found += of_identity(heard, token)
    found += of_content(stream, heard)
    found += of_count(logged, heard, stream)
    found += of_answers(address, stream, came, heard, closed)
    return found


def of_identity(heard, token):
    """Each was decided on: it bears the identity that the decision found, and no credential."""
    for one in heard:
        if (one["x-callgate-client"], one["x-callgate-access"], one["x-callgate-user"]) != (CLIENT, ACCESS, ""):
            yield f"{one['upstream']} heard what nobody decided on: {one}"
        if token in one["target"] or token in str(one.get("line", "")):
            yield f"a token went up: {one}"


def of_content(stream, heard):
    """Each is a request that was sent, in the order in which it was sent, with its body to the byte."""
    for upstream in UPSTREAMS:
        expected = iter(stream.requests)
        for one in heard:
            if one["upstream"] != upstream:
                continue
            if not any(is_same(one, request) for request in expected):
                yield f"{upstream} heard what was not sent so, or not then: {one}"


def is_same(one, request):
    target = canonical(request.target)
    if target is None or one["method"] != request.method:
        return False
    if one["target"] != without_token(target):
        return False
    body = one["body"].encode("latin-1")
    if one["whole"]:
        return request.whole and body == request.body
    return request.body.startswith(body)


def without_token(target):
    path, mark, query = target.partition("?")
    pairs = query.split("&")
    kept = [pair for pair in pairs if not pair.split("=")[0] == "access_token"]
    if kept == pairs:
        return target
    return path + (mark + "&".join(kept) if kept else "")


def of_count(logged, heard, stream):
    """The upstreams heard as many requests as the gateway says that it forwarded."""
    for upstream in UPSTREAMS:
        count = sum(1 for one in heard if one["upstream"] == upstream)
        forwarded = [line for line in logged if line["route"] == upstream and line["auth"] == "ok"]
        answered = sum(1 for line in forwarded if line["upstream_us"] is not None)
        refused = sum(1 for request in stream.requests if not is_known(upstream, request.method))
        if not answered - refused <= count <= len(forwarded):
            yield f"{upstream} heard {count} requests, the gateway forwarded {answered} to {len(forwarded)}"
    if len(logged) > len(stream.requests) + 1:
        yield f"{len(logged)} decisions for {len(stream.requests)} requests"


def of_answers(address, stream, came, heard, closed):
    """One answer a request, the right one, or the end of the connection."""
    if len(came) > len(stream.requests) + stream.rest:
        yield f"{len(came)} answers to {len(stream.requests)} requests"
    if any(answer.status == 0 for answer in came):
        yield f"what came back is no answer: {came}"
    whole = [request for request in stream.requests if request.whole]
    if not closed and len(came) < len(whole):
        yield f"{len(came)} answers to {len(whole)} requests, and it is not over"
    told = [f"{address} {one['method']} {one['target']}\n" for one in heard if one["method"] != "HEAD"]
    for answer, request in zip(came, stream.requests):
        text = answer.body.decode("latin-1")
        if answer.status != 200 or request.method == "HEAD" or not answer.whole:
            continue
        target = canonical(request.target)
        if target is None or text != f"{address} {request.method} {without_token(target)}\n":
            yield f"the answer to another request: {text!r} to {request.method} {request.target}"
        elif text not in told:
            yield f"an answer to what no upstream heard: {text!r}"
