-- What weir may do beside running jobs: read three datasets, and make tables in one of its own.
CREATE SCHEMA IF NOT EXISTS `my-school`.weir OPTIONS (location = 'EU');
GRANT `roles/bigquery.dataViewer` ON SCHEMA `my-school`.web TO "serviceAccount:weir@my-school.iam.gserviceaccount.com";
GRANT `roles/bigquery.dataViewer` ON SCHEMA `my-school`.school TO "serviceAccount:weir@my-school.iam.gserviceaccount.com";
GRANT `roles/bigquery.dataViewer` ON SCHEMA `my-school`.billing TO "serviceAccount:weir@my-school.iam.gserviceaccount.com";
GRANT `roles/bigquery.dataEditor` ON SCHEMA `my-school`.weir TO "serviceAccount:weir@my-school.iam.gserviceaccount.com";
