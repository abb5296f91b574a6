import { commonTexts } from "../texts/common.ts";
import pageStyles from "./page.module.css";
import styles from "./skeleton.module.css";

export interface SkeletonProps {
  /** CSS lengths. */
  width?: string;
  height?: string;
}

/** The place of something that is being loaded, as large as what will come. */
export function Skeleton({ width = "100%", height = "20px" }: SkeletonProps) {
  return <span className={styles.skeleton} style={{ width, height }} aria-hidden="true" />;
}

/** Lines of a list that is being loaded. */
export function SkeletonRows({ count = 5, height = "40px" }: { count?: number; height?: string }) {
  return (
    <div className={styles.rows} role="status" aria-label={commonTexts.loading}>
      {Array.from({ length: count }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows are all the same
        <Skeleton key={index} height={height} />
      ))}
    </div>
  );
}

/** A page that is being loaded. */
export function PageSkeleton() {
  return (
    <div className={pageStyles.page}>
      <Skeleton width="160px" height="32px" />
      <SkeletonRows count={6} />
    </div>
  );
}
