// Shows the operations of /api/openapi.json and sends what people try.

const operations = document.getElementById("operations");
const csrf = document.querySelector('meta[name="csrf-token"]');
const safe = new Set(["GET", "HEAD", "OPTIONS"]);

function withCsrf(request) {
  const method = (request.method || "GET").toUpperCase();
  const sameSite = new URL(request.url, location.href).origin === location.origin;
  // A token needs none; the cookie of a signed-in browser does.
  if (csrf && sameSite && !safe.has(method) && !request.headers.Authorization) {
    request.headers["X-CSRFToken"] = csrf.content;
  }
  return request;
}

SwaggerUIBundle({
  domNode: operations,
  url: operations.dataset.document,
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  requestInterceptor: withCsrf,
  tryItOutEnabled: false,
  // It would send the document to a checker on the internet.
  validatorUrl: null,
});
