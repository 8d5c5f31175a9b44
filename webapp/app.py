"""The table of contents of the program."""

from flask import Flask, Request, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from werkzeug.middleware.proxy_fix import ProxyFix

from webapp import api, builtin, config, db, events, logs, plugins, services, ui
from webapp.backends.registry import BackendRegistry
from webapp.http import access_log, assets, auth, bodies, compression, converters, errors, headers, i18n
from webapp.metrics import page as metrics
from webapp.services.sessions import LASTS


def create_app(settings: config.Config | None = None) -> Flask:
    """Make the application.

    Raises:
        ConfigurationError: the environment holds a value that cannot be used.
    """
    settings = settings or config.load()
    logs.configure(settings.log_format, settings.log_level)
    app = Flask("webapp", static_folder=None)
    _configure(app, settings)
    db.db.init_app(app)
    app.extensions["stowage_bell"] = events.Bell(settings.instance_dir / "events.bell")

    registry = BackendRegistry()
    made = app.extensions["stowage"] = services.build(settings, registry)
    made.checks.context = app.app_context

    headers.register(app)
    compression.register(app)
    assets.register(app)
    i18n.register(app)
    bodies.register(app)
    auth.register(app)
    errors.register(app)
    access_log.register(app, settings.access_log)
    converters.register(app)
    api.register(app)
    ui.register(app)
    metrics.register(app)
    plugins.load(app, made, registry, ui.menu.of(app), builtin.MODULES)
    return app


def _configure(app: Flask, settings: config.Config) -> None:
    app.extensions["stowage_config"] = settings
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SECRET_KEY_FALLBACKS=list(settings.old_secret_keys),
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=db.engine_options(settings.database_url),
        SESSION_COOKIE_NAME="stowage_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=LASTS,
        MAX_FORM_PARTS=1000,
    )
    app.session_interface = _Sessions()
    # PUT /upload/a//b is a file name, not a path to tidy up.
    app.url_map.merge_slashes = False
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]


class _Sessions(SecureCookieSessionInterface):
    """The cookie goes over HTTPS only wherever HTTPS is in use."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Skip the cryptography for programs, which send no cookie."""
        return super().open_session(app, request) if "HTTP_COOKIE" in request.environ else self.session_class()

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure
