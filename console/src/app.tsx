import { QueryClientProvider } from "@tanstack/react-query";
import { lazy, Suspense, useEffect } from "react";
import { RouterProvider } from "react-aria-components";
import { Redirect, Route, Router, Switch, useLocation, useSearch } from "wouter";
import { queryClient } from "./api/query-client.ts";
import { Frame } from "./layout/frame.tsx";
import { returnPath } from "./session/return-path.ts";
import { startSession, useSession } from "./session/session.ts";
import { ErrorBoundary } from "./ui/error-boundary.tsx";
import { PageSkeleton } from "./ui/skeleton.tsx";
import { Toasts } from "./ui/toasts.tsx";

export const BASE = "/console";

const Home = lazy(() => import("./pages/home/index.tsx"));
const Runs = lazy(() => import("./pages/runs/index.tsx"));
const Run = lazy(() => import("./pages/run/index.tsx"));
const Crews = lazy(() => import("./pages/crews/index.tsx"));
const Crew = lazy(() => import("./pages/crews/crew.tsx"));
const Inbox = lazy(() => import("./pages/inbox/index.tsx"));
const Tools = lazy(() => import("./pages/tools/index.tsx"));
const Models = lazy(() => import("./pages/models/index.tsx"));
const Files = lazy(() => import("./pages/files/index.tsx"));
const Memory = lazy(() => import("./pages/memory/index.tsx"));
const Usage = lazy(() => import("./pages/usage/index.tsx"));
const Workspace = lazy(() => import("./pages/workspace/index.tsx"));
const Missing = lazy(() => import("./pages/missing/index.tsx"));
const Login = lazy(() => import("./pages/login/index.tsx"));

export function App() {
  useEffect(startSession, []);
  return (
    <QueryClientProvider client={queryClient}>
      <Router base={BASE}>
        <Navigation />
      </Router>
    </QueryClientProvider>
  );
}

function Navigation() {
  const [, navigate] = useLocation();
  return (
    <RouterProvider navigate={(path) => navigate(path)} useHref={(path) => BASE + path}>
      <Routes />
      <Toasts />
    </RouterProvider>
  );
}

function Routes() {
  const session = useSession();
  const [location] = useLocation();
  const search = useSearch();
  if (session.state === "starting") return null;
  if (location === "/login") {
    if (session.state === "in") return <Redirect to={returnPath(search)} replace />;
    return (
      <Suspense>
        <Login />
      </Suspense>
    );
  }
  if (session.state === "out") {
    const here = location + (search ? `?${search}` : "");
    return <Redirect to={here === "/" ? "/login" : `/login?next=${encodeURIComponent(here)}`} replace />;
  }
  return (
    <Frame>
      <ErrorBoundary key={location}>
        <Suspense fallback={<PageSkeleton />}>
          <Pages />
        </Suspense>
      </ErrorBoundary>
    </Frame>
  );
}

function Pages() {
  return (
    <Switch>
      <Route path="/" component={Home} />
      <Route path="/runs" component={Runs} />
      <Route path="/runs/:jobId">{({ jobId }) => <Run key={jobId} jobId={jobId} />}</Route>
      <Route path="/crews" component={Crews} />
      <Route path="/crews/new">
        <Crew key="new" />
      </Route>
      <Route path="/crews/:id">{({ id }) => <Crew key={id} crewId={id} />}</Route>
      <Route path="/inbox" component={Inbox} />
      <Route path="/tools" component={Tools} />
      <Route path="/models" component={Models} />
      <Route path="/files" component={Files} />
      <Route path="/memory" component={Memory} />
      <Route path="/usage" component={Usage} />
      <Route path="/workspace" component={Workspace} />
      <Route component={Missing} />
    </Switch>
  );
}
