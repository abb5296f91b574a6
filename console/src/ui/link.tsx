import type { AnchorHTMLAttributes } from "react";
import { Link as RouteLink } from "wouter";

export interface LinkProps extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, "href"> {
  /** A page of the console, such as `/runs/job_1`, or an address that leaves it. */
  href: string;
}

/** A link: within the console it changes the page without loading it anew. */
export function Link({ href, ...props }: LinkProps) {
  if (href.startsWith("/")) return <RouteLink href={href} {...props} />;
  return <a href={href} rel="noreferrer" target="_blank" {...props} />;
}
