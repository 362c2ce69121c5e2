// Talking to the server. An answer with an error, or none at all, is thrown with its words.

async function answered(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("the server does not answer; is review_app.py still running?");
  }
  if (response.status === 403) throw new Error("the server was started again; open its new link");
  const answer = await response.json().catch(() => ({ error: `error ${response.status}` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

export const get = (path, query = {}) => answered(`/api/${path}?${new URLSearchParams(query)}`);

export const post = (path, body, keepalive = false) => answered(`/api/${path}`, {
  method: "POST", keepalive, headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});
